"""One way for every write: permissions, types, references, behaviour of the object, rules of the org, then the row.

REST rows, composite, collections, multipart uploads, the fixture and the administrator all come through `Writer`.
"""
