"""Social networks, each a plug-in: a folder here, or a package of somebody else's (docs/howto/network.md).

::

    networks = installed()                                 # stonechat.networks.registry
    connected = networks["echo"].connect(Surroundings(settings, clock, events, browser=None))
    outcome = await connected.network.publish(account, Publication(("A text",)))
"""
