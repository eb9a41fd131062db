"""The only door to SQLCipher: one encrypted file, named transactions, events on commit.

A table group a file; its functions take a `Transaction` or a `Reader`.
"""
