"""`/ws`: rules, opening, and the consumer that moves frames (spec: websocket)."""
