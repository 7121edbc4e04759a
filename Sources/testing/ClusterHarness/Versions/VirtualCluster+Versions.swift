import EventLoop

extension VirtualCluster {
    /// The member, its process drained now, comes back as another version when that has ended; as long as nobody else replaces it.
    package func upgrade(_ member: VirtualMember, to version: ProgramVersion) {
        guard member.isAlive else { return }
        member.drain()
        replace(member, life: member.lives, with: version)
    }

    private func replace(_ member: VirtualMember, life: Int, with version: ProgramVersion) {
        world.schedule(after: Self.upgradePoll) { [self] in
            guard member.lives == life else { return }
            if member.isAlive { replace(member, life: life, with: version) } else { member.restart(as: version) }
        }
    }

    /// How soon an operator sees that a process has ended.
    private static let upgradePoll = Duration.milliseconds(100)
}
