"""How each actor's service is put together from the settings, in the process of that actor.

One module a kind of actor, each with `build(settings)`. A process imports only the one that it needs: starting an engine is
mostly importing.
"""
