export function files(world) {}
