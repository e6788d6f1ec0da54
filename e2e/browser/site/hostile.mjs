export function hostile(world) {}
