"""Dated exports of one list of deals, turned into the changes between them."""

SNAPSHOT = "snapshot:"
