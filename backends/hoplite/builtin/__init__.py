"""The plugins that come with this service, off unless `[hoplite] builtin_plugins` names them."""
