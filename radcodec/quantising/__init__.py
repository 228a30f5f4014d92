"""Quality levels: the quantiser steps of the latents, and integer dequantising."""
