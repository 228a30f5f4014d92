"""Entropy coding: quantised latents and the background mask to bits and back, in integers."""
