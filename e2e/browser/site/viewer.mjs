export function viewer(world) {}
