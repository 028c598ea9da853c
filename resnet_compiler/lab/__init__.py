"""Experiments with networks: images, training, measurements of gradients. Needs the extra `lab`; no other part imports it."""
