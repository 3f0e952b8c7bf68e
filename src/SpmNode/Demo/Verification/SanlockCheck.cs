using System.Globalization;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo.Verification;

/// <summary>The stock sanlock program reads our leases: who owns them, in which generation and version.</summary>
static class SanlockCheck
{
    const long SpmLeaseAt = 1 << 20, SlotBytes = 1 << 20;
    const string SpmLease = "SDM";

    /// <param name="idsAt">Where the lockspace is on the LUN, bytes.</param>
    /// <param name="leasesAt">Where the resources are.</param>
    /// <param name="leader">The SPM's own words, read while it leads.</param>
    /// <param name="members">All nodes alive, the SPM among them.</param>
    public static async Task<IReadOnlyList<VerifiedFact>> RunAsync(
        Sanlock sanlock, long idsAt, long leasesAt, StatusReply leader, IReadOnlyList<StatusReply> members, CancellationToken stop)
    {
        var ids = await sanlock.DumpAsync(idsAt, SlotBytes, stop);
        if (ids.IsMissing)
        {
            const string Remedy = "not verified: sanlock is missing; ./spm demo fetches it, or set SPM_SANLOCK to the program";
            return [new("sanlock direct dump", Remedy, false), new("sanlock direct read_leader", Remedy, false)];
        }
        var leases = await sanlock.DumpAsync(leasesAt, 2 * SlotBytes, stop);
        return
        [
            Dumped(ids, leases, leader, members),
            await ResourceAsync(sanlock, leasesAt + SpmLeaseAt, leader, stop),
            .. await Task.WhenAll(members.Select(member => HostAsync(sanlock, idsAt, leader.Domain, member, stop))),
        ];
    }

    static VerifiedFact Dumped(ToolOutcome ids, ToolOutcome leases, StatusReply leader, IReadOnlyList<StatusReply> members)
    {
        const string Tool = "sanlock direct dump";
        if (ids.ExitCode != 0 || leases.ExitCode != 0)
        {
            return new(Tool, $"exit codes {ids.ExitCode} and {leases.ExitCode}: {ids.Excerpt} {leases.Excerpt}", false);
        }
        var missing = members.Where(member => !Rows(ids).Any(row => row.Owner == member.HostId && row.Generation == member.Generation))
            .Select(member => $"host id {member.HostId} generation {member.Generation}").ToList();
        if (!Rows(leases).Any(row => row.Text.Contains($" {SpmLease} ", StringComparison.Ordinal)
            && row.Owner == leader.HostId && row.Generation == leader.Generation && row.Version == leader.Epoch))
        {
            missing.Add($"lease {SpmLease} of host {leader.HostId} generation {leader.Generation} version {leader.Epoch}");
        }
        return missing.Count == 0
            ? new(Tool, $"{members.Count} live host ids and the lease {SpmLease} at version {leader.Epoch}", true)
            : new(Tool, $"it does not show {string.Join(", ", missing)}: {ids.Excerpt} {leases.Excerpt}", false);
    }

    static async Task<VerifiedFact> ResourceAsync(Sanlock sanlock, long offset, StatusReply leader, CancellationToken stop)
    {
        var outcome = await sanlock.ReadResourceAsync(leader.Domain, SpmLease, offset, stop);
        return Compare(outcome, $"lease {SpmLease}", new()
        {
            ["resource_name"] = SpmLease,
            ["space_name"] = leader.Domain,
            ["owner_id"] = $"{leader.HostId}",
            ["owner_generation"] = $"{leader.Generation}",
            ["lver"] = $"{leader.Epoch}",
        });
    }

    static async Task<VerifiedFact> HostAsync(Sanlock sanlock, long offset, string domain, StatusReply member, CancellationToken stop)
    {
        var outcome = await sanlock.ReadHostAsync(domain, member.HostId, offset, stop);
        return Compare(outcome, $"host id {member.HostId}", new()
        {
            ["space_name"] = domain,
            ["owner_id"] = $"{member.HostId}",
            ["owner_generation"] = $"{member.Generation}",
        });
    }

    static VerifiedFact Compare(ToolOutcome outcome, string what, Dictionary<string, string> expected)
    {
        const string Tool = "sanlock direct read_leader";
        var fields = Sanlock.Fields(outcome);
        var wrong = expected.Where(pair => fields.GetValueOrDefault(pair.Key) != pair.Value)
            .Select(pair => $"{pair.Key} is {fields.GetValueOrDefault(pair.Key) ?? "not told"}, not {pair.Value}").ToList();
        return outcome.ExitCode == 0 && wrong.Count == 0
            ? new(Tool, $"{what}: owner {expected["owner_id"]} generation {expected["owner_generation"]}"
                + (expected.TryGetValue("lver", out var version) ? $" version {version}" : ""), true)
            : new(Tool, $"{what}: {(wrong.Count > 0 ? string.Join(", ", wrong) : outcome.Excerpt)}", false);
    }

    /// <summary>Lines end in <c>timestamp owner generation</c> for a host id, one more number (the version) for a resource.</summary>
    static IEnumerable<(string Text, int Owner, ulong Generation, ulong? Version)> Rows(ToolOutcome dump)
    {
        foreach (var line in dump.Output.Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var numbers = words.Reverse().TakeWhile(word => ulong.TryParse(word, CultureInfo.InvariantCulture, out _)).Reverse()
                .Select(word => ulong.Parse(word, CultureInfo.InvariantCulture)).ToArray();
            switch (numbers)
            {
                case [_, var owner, var generation, var version] when owner <= int.MaxValue:
                    yield return (line, (int)owner, generation, version);
                    break;
                case [_, var owner, var generation] when owner <= int.MaxValue:
                    yield return (line, (int)owner, generation, null);
                    break;
            }
        }
    }
}
