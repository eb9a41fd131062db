"""The only door to SQLCipher: one encrypted file, named transactions, events on commit. A table group a file; functions take a transaction or a reader."""
