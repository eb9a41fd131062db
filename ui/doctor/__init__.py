"""The page that looks at keychain, database, network and accounts and says what is well."""
