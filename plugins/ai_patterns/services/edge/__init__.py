"""What every HTTP service has before its routes: who may call, how often, and how large a body may be."""
