-- An agent's page tells what its recorder has lost, however many other errors there are.

SET LOCAL ROLE smoltbot_owner;

CREATE INDEX traces_of_losses ON public.traces (agent_id, at, trace_id) WHERE tool_name = 'smoltbot.gap';

RESET ROLE;
