"""One folder a social network, each filling the port :class:`stonechat.core.network.Network`."""
