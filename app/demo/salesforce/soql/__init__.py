"""SOQL: tokens, a recursive-descent parser, and a compiler to SQL over the tables of an org.

Source: SOQL and SOSL Reference. What the grammar knows and the demo world does not do raises a 501.
"""
