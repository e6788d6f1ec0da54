export function auditor(world) {}
