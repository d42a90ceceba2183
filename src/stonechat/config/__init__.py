"""Settings: the only code that reads the environment and ``stonechat.toml``.

It promises frozen values that were checked all at once: :func:`~stonechat.config.loader.load` either returns
:class:`~stonechat.config.settings.Settings` or raises one ``ConfigError`` that names every bad setting with
the form expected. Other packages take the one section that they need and never the whole.

::

    from stonechat.config.loader import load

    settings = load(dict(os.environ), folder=Path.cwd())   # or ConfigError
    async with open_database(settings.database_url, settings.database, clock) as database:
        ...

Modules: ``settings`` (every setting), ``fields`` (durations, addresses, lists), ``loader``, ``credentials``
(saved log-ins of accounts), ``session_form`` (what a saved log-in looks like).
"""
