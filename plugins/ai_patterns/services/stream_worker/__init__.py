"""The stream worker: events from their topics into online tiles, each once."""
