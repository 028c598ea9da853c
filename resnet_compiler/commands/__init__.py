"""The commands of `resnetc`, one file each; what they do is in the modules that they import when they run."""
