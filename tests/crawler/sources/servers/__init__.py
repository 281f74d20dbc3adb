"""Services of photographs on loopback that speak the documented protocols of the real ones."""
