using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Pool;

/// <summary>R11: somebody says that a machine is dead; what its activation map names is then free again.</summary>
/// <remarks>
/// That its lease stopped proves that its node ended, not that its machine did: QEMU may still have writes on their way to extents that
/// would be given to another volume. Only a person (or proven fencing) knows that, so the host's name is asked for and the deed is logged.
/// A node of that name that comes back after all looks at its map once it has joined, and serves nothing that is not marked any more.
/// </remarks>
sealed class DeadHost(SpmTerm term, Membership membership, Action<string> log)
{
    /// <param name="hosts">All that the person may mean.</param>
    public async Task<ConfirmDeadReply> ConfirmAsync(IReadOnlyList<KnownHost> hosts, string name)
    {
        if (hosts.Count > 1)
        {
            // The name alone does not say which machine is meant, and the wrong one may be writing.
            throw Refusal.Conflict(
                $"'{hosts[0].Name}' is the name of several host ids: {string.Join(", ", hosts.Select(one => $"{one.Id} ({one.State.ToString().ToLowerInvariant()})"))}. Nothing was changed; say the host id.");
        }
        var host = hosts[0];
        if (host.IsUnused && (await ReadMapAsync(host)).IsIdle)
        {
            throw Refusal.NotFound($"host id {host.Id} was never used in this pool, and nothing of it is in anybody's way. 'spm host list' shows who is there.");
        }
        if (host.Id == membership.Identity.HostId)
        {
            throw Refusal.Conflict($"{host} is the SPM that answers you: it lives.");
        }
        if (name != host.Name)
        {
            throw Refusal.Invalid($"host id {host.Id} is called '{host.Name}', not '{name}'. Nothing was changed; look again which machine is dead.");
        }
        CheckDead(host);
        if (!membership.TryLockOther(host.Id))
        {
            throw Refusal.Conflict($"a process of this very machine holds host id {host.Id}: {host} lives, or its last writes have not returned.");
        }
        try
        {
            return await ClearAsync(host);
        }
        finally
        {
            membership.UnlockOther(host.Id);
        }
    }

    void CheckDead(KnownHost host)
    {
        var dead = membership.Timing.DeadAfter(host.View.IoTimeout, host.Record is { } record ? TimeSpan.FromSeconds(record.WatchdogTimeoutSeconds) : null);
        var proven = host.State == HostState.Dead || (host.State == HostState.Free && host.View.UnchangedFor > dead);
        if (!proven)
        {
            throw Refusal.Conflict(host.State switch
            {
                HostState.Live => $"{host} lives: it renewed its lease {host.View.UnchangedFor.TotalSeconds:0.#} s ago. Nothing was changed.",
                HostState.Unreadable => $"the lease of {host} cannot be believed, so it counts as living. Look with 'spm lease dump'.",
                _ => $"{host} is silent for {host.View.UnchangedFor.TotalSeconds:0} s, and counts as dead after {dead.TotalSeconds:0} s. Ask again then.",
            });
        }
    }

    Task<HostActivations> ReadMapAsync(KnownHost host) => ActivationMaps.ReadAsync(term.Domain, host.Id);

    async Task<ConfirmDeadReply> ClearAsync(KnownHost host)
    {
        // A host id that was never used is asked about for its map alone: one that cannot be read counts as everything in use.
        var map = await ReadMapAsync(host);
        var cleared = map.Active().Select(entry => entry.Slot).ToList();
        var fenced = new FencedArea(term.Domain.Spm, term.Fence);
        var repaired = 0;
        for (var part = 0; part < map.Parts.Count; part++)
        {
            var sector = map.Parts[part].Sector;
            if (sector is { IsIdle: true })
            {
                continue;
            }
            // Read directly before the write: it may have come back since the table was filled, and its entries are then its own.
            if (!await membership.IsStillAsync(host.View))
            {
                throw Refusal.Conflict($"{host} has come back. Nothing more was changed; deactivate its volumes there.");
            }
            repaired += sector is null ? 1 : 0;
            var write = map.Clear(part, membership.Identity.MapOwner, membership.Generation);
            await fenced.WriteAsync(write.Sector.OffsetBytes, write.Sector.Bytes);
            map = write.Next;
        }
        log($"{host} was confirmed dead: {(cleared.Count > 0 ? $"slots {string.Join(", ", cleared)} are free again" : "it had nothing active")}"
            + (repaired > 0 ? $", {repaired} unreadable parts of its map made anew" : ""));
        // R1: read after the last write returned; after the deadline another SPM may have read the old map.
        return term.Fence.MayWrite()
            ? new ConfirmDeadReply(host.Id, host.Name, cleared, repaired)
            : throw Refusal.Unknown($"the map of {host} was written, but this host stopped being SPM meanwhile. Ask again, it is harmless.");
    }
}
