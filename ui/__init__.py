"""The window of Outrigger: Qt widgets and the models that speak to app. No network and no SQL here.

How the rooms fit together:

- ``feature/model.py`` (`QObject` or Qt item model) is a feature's only file that calls a service of the core. Its constructor names the one or
  two services it uses, the event bus where it listens, and the `ui.dispatch.Dispatcher` that runs its coroutines. Results and events leave it as
  signals.
- ``feature/view.py`` and its parts are widgets. They speak by signals: facts (``selection_changed``) and wishes (``send_requested``), and know
  neither services nor other features. Frozen values of ``app.model`` are shared words and may be used anywhere.
- `ui.main` makes services, models and the window. `ui.joins` makes the views, puts them into the window's places and joins one view's signals to
  another's slots: it is the only place where features meet, and holds no logic of theirs. `ui.main_window` lays out those places.
- `ui.commands` lists every action with its words, picture, menu and keys. A feature offers an action by binding its id; what nobody binds is not
  shown.
- Errors of a coroutine become `ui.text.Words` and appear in the notice bar, unless the feature shows them itself (``on_error``).
- Looks come from `ui.theme`, `ui.icons` and `ui.widgets`; see there before drawing anything.
"""
