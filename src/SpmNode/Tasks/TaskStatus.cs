using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Tasks;

/// <summary>How far one piece of work is. Pure: each step gives the next status; what has ended stays as it is.</summary>
/// <param name="Fixed">Why it is not cancelled; null when it may be.</param>
sealed record TaskStatus(string Id, string Kind, string Volume, string? Fixed)
{
    public string State { get; private init; } = "running";

    public double Progress { get; private init; }

    public Refusal? Error { get; private init; }

    public VolumeReply? Result { get; private init; }

    public DeleteVolumeReply? Deleted { get; private init; }

    public bool HasEnded => State is "done" or "failed" or "cancelled";

    /// <summary>Never back: two copies of one piece of work, or a report that was overtaken, do not make it less.</summary>
    public TaskStatus At(double share) => HasEnded || double.IsNaN(share) ? this : this with { Progress = Math.Max(Progress, Math.Clamp(share, 0, 1)) };

    /// <exception cref="Refusal">This work is brought to its end.</exception>
    public TaskStatus Cancelling() => HasEnded ? this : Fixed is null ? this with { State = "cancelling" } : throw Refusal.Conflict(Fixed);

    public TaskStatus Done(VolumeReply result) => HasEnded ? this : this with { State = "done", Progress = 1, Result = result };

    public TaskStatus Done(DeleteVolumeReply deleted) => HasEnded ? this : this with { State = "done", Progress = 1, Deleted = deleted };

    public TaskStatus Failed(Refusal why) => HasEnded ? this : this with { State = "failed", Error = why };

    /// <summary>Only of one that somebody asked to end: whatever else stops work is a failure.</summary>
    public TaskStatus Stopped() => State == "cancelling"
        ? this with { State = "cancelled" }
        : Failed(Refusal.Unavailable("it was interrupted; what it had begun is taken back. Ask again."));

    public TaskReply Reply() => new(Id, Kind, Volume, State, Math.Round(Progress, 4), !HasEnded && Fixed is null, Error?.Message, Error?.Code.ToString(), Result, Deleted);
}
