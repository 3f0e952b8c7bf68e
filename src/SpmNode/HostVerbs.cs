using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node;

/// <summary>A node's answers about hosts.</summary>
sealed class HostVerbs(HostNode node) : IHostVerbs
{
    /// <summary>How long a hand-over's caller waits to hear that the next SPM is there.</summary>
    static readonly TimeSpan TakingLimit = TimeSpan.FromSeconds(5);

    Membership Membership => node.Membership;

    SpmRole Role => node.SpmRole ?? throw Refusal.Unavailable("this node does not hold its host id yet. Ask again in a moment.");

    public Task<HandOverNoticeReply> HearAsync(HandOverNotice notice) => Role.HearAsync(notice);

    public async Task<HandOverReply> HandOverAsync(HandOverRequest request)
    {
        var role = Role;
        var to = request.To is { } wanted ? (await FindAsync(wanted))[0].Id : (int?)null;
        if (to == Membership.Identity.HostId)
        {
            throw Refusal.Conflict($"'{Membership.Identity.Name}' is the SPM already.");
        }
        var end = await role.HandOverAsync(to, request.Why ?? "asked to hand over");
        if (end is not HandOverEnd.Released released)
        {
            throw Refusal.Conflict($"'{Membership.Identity.Name}' stays SPM: {((HandOverEnd.Stayed)end).Why}.");
        }
        var next = await NextAsync(role, released.Epoch)
            ?? throw Refusal.Unavailable($"'{Membership.Identity.Name}' gave the role back, and '{released.Name}' has not taken it within {TakingLimit.TotalSeconds:0} s. See 'spm host list'.");
        var name = Membership.RecordOf(next.OwnerId, next.Generation)?.Name ?? $"host id {next.OwnerId}";
        return new HandOverReply(
            Membership.Identity.Name, Membership.Identity.HostId, name, next.OwnerId, Math.Round(node.ElapsedSince(released.StoppedAt).TotalMilliseconds, 1));
    }

    public async Task<string?> RedirectToHostAsync(string host)
    {
        var found = (await FindAsync(host))[0];
        if (found.Id == Membership.Identity.HostId)
        {
            return null;
        }
        return found is { Record: { Url.Length: > 0 } record, State: HostState.Live or HostState.Unknown }
            ? record.Url
            : throw Refusal.Unavailable($"{found} does not answer for itself ({found.State.ToString().ToLowerInvariant()}): a wish is kept in its own record. Ask again when it runs.");
    }

    public async Task<HostWishesReply> WishAsync(HostWishesRequest request)
    {
        if (request.Preference is < 0 or > HostRecord.MostPreference)
        {
            throw Refusal.Invalid($"preference {request.Preference} is not between 0 and {HostRecord.MostPreference}.");
        }
        // Before the wish is there: the role steps down for it by itself, and whoever asked should hear how that went.
        var handedOver = request.Maintenance is true ? await LeaveRoleAsync() : null;
        var before = Membership.Wishes;
        await Membership.WishAsync(new HostWishes(request.Preference ?? before.Preference, request.Maintenance ?? before.Maintenance));
        var wishes = Membership.Wishes;
        node.Log($"this host's wishes: preference {wishes.Preference}, maintenance {(wishes.Maintenance ? "on" : "off")}");
        return new HostWishesReply(
            Membership.Identity.HostId, Membership.Identity.Name, wishes.Preference, wishes.Maintenance,
            handedOver ?? (wishes.Maintenance ? "does not become SPM"
                : wishes.Preference > 0 ? "asks the SPM for the role when that one is less preferred"
                : "no wish"));
    }

    public async Task<ConfirmDeadReply> ConfirmDeadAsync(string host, ConfirmDeadRequest request)
    {
        var term = Role.Term ?? throw Refusal.NotLeader("this node is not the SPM. Ask again: the request is sent to the SPM of now.");
        return await new DeadHost(term, Membership, node.Log).ConfirmAsync(await FindAsync(host, orUnused: true), request.Name);
    }

    /// <summary>Maintenance of the SPM begins with a hand-over; when nobody is ready it stays SPM, and goes on trying.</summary>
    /// <returns>How that went; null when this host is not SPM.</returns>
    async Task<string?> LeaveRoleAsync()
    {
        if (node.SpmRole?.Term is null)
        {
            return null;
        }
        try
        {
            return $"'{(await HandOverAsync(new HandOverRequest(null, "this host goes into maintenance"))).To}' is SPM now";
        }
        catch (Refusal refusal)
        {
            return $"still SPM until another host can be: {refusal.Message}";
        }
    }

    async Task<Leases.Resource.LeaderView?> NextAsync(SpmRole role, ulong epoch)
    {
        var started = node.Timestamp;
        while (node.ElapsedSince(started) < TakingLimit)
        {
            var look = role.NextLook;
            if (role.Leader is { IsReadable: true, IsFree: false } seen && seen.LeaseVersion > epoch)
            {
                await Membership.RefreshRecordsAsync();
                return seen;
            }
            await Task.WhenAny(look, node.DelayAsync(TakingLimit - node.ElapsedSince(started)));
        }
        return null;
    }

    async Task<IReadOnlyList<KnownHost>> FindAsync(string host, bool orUnused = false)
    {
        await Membership.RefreshRecordsAsync();
        return await KnownHost.FindAsync(Membership, host, orUnused);
    }
}
