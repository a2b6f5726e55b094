"""The feedback service: takes labels of predictions over HTTP."""
