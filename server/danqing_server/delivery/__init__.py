"""Telling those who are outside: waiting calls, event streams, webhooks."""
