"""The window of Outrigger: Qt widgets and the models that speak to app. No network and no SQL here."""
