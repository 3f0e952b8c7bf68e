using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>Handing the role over: asked for, prepared while this host still serves, and told.</summary>
sealed partial class SpmRole
{
    /// <summary>How often a host that should rather be SPM asks for it.</summary>
    static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(60);

    /// <summary>And how long it watches an SPM before it asks the first time, so that a role that just moved may rest.</summary>
    static readonly TimeSpan RestInterval = TimeSpan.FromSeconds(5);

    (int Owner, ulong Version, TimeSpan Since) followed;
    TimeSpan? askedAt;

    /// <summary>Asks this SPM to step down.</summary>
    /// <returns>When the lease is free, or why it is not.</returns>
    /// <exception cref="Refusal">It is not SPM, or is stepping down already.</exception>
    public Task<HandOverEnd> HandOverAsync(int? to, string why)
    {
        var wanted = new HandOverOrder(to, why);
        if (term is null)
        {
            throw Refusal.NotLeader("this node is not the SPM. Ask again: the request is sent to the SPM of now.");
        }
        if (Interlocked.CompareExchange(ref order, wanted, null) is not null)
        {
            throw Refusal.Conflict("a hand-over is under way; ask again when it is done.");
        }
        if (term is null)
        {
            EndLeftoverOrder();
        }
        poked.TrySetResult();
        return wanted.Ended;
    }

    /// <summary>A peer tells of a hand-over.</summary>
    public async Task<HandOverNoticeReply> HearAsync(HandOverNotice notice)
    {
        if (notice.Stage == HandOverStage.Prepare && notice.Successor == membership.Identity.HostId)
        {
            var unfit = Role != RoleName.Following ? $"it is {Role.ToString().ToLowerInvariant()}"
                : !membership.IsValid ? "it does not hold its host id"
                : membership.Wishes.Maintenance ? "it is in maintenance"
                : Sleep.IsClosed ? "its machine goes to sleep"
                : membership.Strangers() is [var stranger, ..] ? $"host id {stranger} has no record of ours"
                : health?.Illness;
            if (unfit is not null)
            {
                return new HandOverNoticeReply(false, unfit);
            }
            if (await TakeoverRehearsal.RunAsync(domain) is { } problem)
            {
                return new HandOverNoticeReply(false, problem);
            }
        }
        heard = notice;
        if (notice.Stage != HandOverStage.Prepare)
        {
            poked.TrySetResult();
        }
        return new HandOverNoticeReply(true, null);
    }

    /// <summary>Finds somebody who is ready; this host serves on meanwhile.</summary>
    async Task<Departure?> PrepareAsync(HandOverOrder wanted, ulong epoch)
    {
        var refusals = new List<string>();
        if (succession is not null && await succession.PrepareAsync(wanted.To, epoch, refusals) is { } successor)
        {
            // Our own looks leave the lease to it, too.
            heard = new HandOverNotice(HandOverStage.Prepare, membership.Identity.HostId, epoch, successor.Host);
            return new Departure(wanted, successor);
        }
        var why = refusals.Count > 0 ? string.Join("; ", refusals) : wanted.To is { } to ? $"host id {to} is in maintenance, does not live, or says nowhere how to reach it" : "no other host could be SPM";
        Note($"not handing over ({wanted.Why}): {why}");
        wanted.End(new HandOverEnd.Stayed(why));
        return null;
    }

    /// <summary>An order that came when the term was ending in another way.</summary>
    void EndLeftoverOrder() => Interlocked.Exchange(ref order, null)?.End(new HandOverEnd.Stayed("the term ended meanwhile"));

    /// <param name="ends">This process goes: the message must be out before.</param>
    async Task DepartAsync(Departure leaving, ulong epoch, bool released, bool ends)
    {
        if (leaving is not { Successor: { } successor, Order: { } wanted })
        {
            return;
        }
        var telling = released ? succession!.ReleasedAsync(successor, epoch) : Task.CompletedTask;
        if (released && health?.Illness is not null)
        {
            health.SteppedDown();
        }
        wanted.End(released
            ? new HandOverEnd.Released(successor.Host, successor.Name, epoch, leaving.StoppedAt)
            : new HandOverEnd.Stayed("the lease could not be given back"));
        if (ends)
        {
            // Otherwise not waited for: a successor that is busy answers late, and whoever asks this node meanwhile waits for its next look.
            await telling;
        }
    }

    /// <summary>A host with a higher preference does not take the role from a living SPM; it asks, and not often.</summary>
    void AskForRole(LeaderView seen)
    {
        if ((followed.Owner, followed.Version) != (seen.OwnerId, seen.LeaseVersion))
        {
            followed = (seen.OwnerId, seen.LeaseVersion, Now);
        }
        var wishes = membership.Wishes;
        if (succession is null || wishes.Preference == 0 || wishes.Maintenance || Sleep.IsClosed || seen.IsFree || !seen.IsReadable || health?.Illness is not null
            || Now - followed.Since < RestInterval || Now - askedAt < AskInterval
            || membership.Keeper?.Hosts.Find(seen.OwnerId) is not { State: HostState.Live }
            || membership.RecordOf(seen.OwnerId, seen.Generation) is not { Url.Length: > 0 } owner || owner.Preference >= wishes.Preference)
        {
            return;
        }
        askedAt = Now;
        // Not waited for: this very loop takes the lease when the SPM lets go.
        _ = AskAsync(owner, $"'{membership.Identity.Name}' is preferred ({wishes.Preference} to {owner.Preference})");
    }

    async Task AskAsync(HostRecord owner, string why)
    {
        try
        {
            await succession!.AskAsync(owner, why);
        }
        catch (Refusal refusal)
        {
            Note($"asked '{owner.Name}' for the role: {refusal.Message}");
        }
    }
}
