"""Ranks as processes of one host: messages go through rings of bytes in memory that they share."""
