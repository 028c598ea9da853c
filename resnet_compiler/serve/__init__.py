"""The live page: a spec to edit beside its network, served on this machine alone.

`guard` decides which requests are answered, `workspace` what may be saved, `live` compiles what is typed, `findings` says
where a diagnostic stands in the text, `editor` is the page, and `server` puts them together.
"""
