-- Messages of AAP's handshake name a card by its id and not its agent.
CREATE INDEX cards_by_id ON cards (card_id, agent);
