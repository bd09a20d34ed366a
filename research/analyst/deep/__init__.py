"""Deep research on single features: how others have them, what goes wrong, and what to build first.

Pure functions over documents. Reading comes first (`findings`), then, over what was proved, the judgements
(`studies`) and the order (`blueprint`).
"""
