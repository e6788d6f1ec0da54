-- Messages of AAP's handshake name a card by its id and not its agent.

SET LOCAL ROLE smoltbot_owner;

CREATE INDEX alignment_cards_by_id ON public.alignment_cards (card_id, agent_id);

RESET ROLE;
