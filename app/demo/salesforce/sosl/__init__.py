"""SOSL: FIND clauses and parameterised search over the text fields of the searchable objects."""
