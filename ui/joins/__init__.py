"""Where features meet: one view's signals joined to another feature's model, and nothing else.

`ui.joins.mail` joins folders, list, reader and mail actions; `ui.joins.crm` the Salesforce panel, outbox, accounts, composer and settings. Each gets
the window and the models, makes the views, puts them into the window's places, binds `ui.commands`, and connects signals.
"""
