"""The live page: a spec to edit beside its network, served on this machine alone.

`guard` decides which requests are answered, and `workspace` what may be saved. `worker` is the process that compiles,
`compiler` starts it and asks it, `live` has it compile what is typed. `outcome` is what it says of a text, with `findings`
for where each diagnostic stands. `editor` is the page, and `server` puts them together.
"""
