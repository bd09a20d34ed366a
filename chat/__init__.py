"""Conversations with people."""
