"""The pages, the JSON API and the health server.

They are served from the first step of the boot to the last, and show what is not open yet as *starting*.
Pages read through :class:`DashboardData`; what changes something is a function of :mod:`stonechat.owner`,
reached by ``actions`` (forms) and ``api_actions`` (JSON) through ``doors``. Nobody gets in but by
``guard``.

::

    data = DashboardData(clock=clock, board=board, meters=meters, mode="shadow", steps=steps, ready=ready)
    async with open_dashboard(settings.dashboard, data, clock, events) as dashboard:
        print(dashboard.address, dashboard.note)
        data.connect(database=database)        # from now on the pages show it
"""
