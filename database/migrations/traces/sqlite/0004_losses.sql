-- An agent's page tells what its recorder has lost, however many other errors there are.
CREATE INDEX traces_of_losses ON traces (agent, at, trace_id) WHERE tool = 'smoltbot.gap';
