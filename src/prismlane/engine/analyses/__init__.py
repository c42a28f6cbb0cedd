"""The plug-in contract, the registry, and the analyses themselves."""
