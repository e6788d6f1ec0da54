export function live(world) {}
