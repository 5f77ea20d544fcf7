"""How things are said. Comes in: plans, findings, drift, reports. Goes out: text. One file a format: `text`,
`markdown`; JSON is the documents themselves. Callers: cli.

`words` holds what formats share: values in one line, and nothing that a remote name could smuggle in.
"""
