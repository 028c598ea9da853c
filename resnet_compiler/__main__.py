"""`python -m resnet_compiler` is `resnetc`."""

from resnet_compiler.cli import main

main()
