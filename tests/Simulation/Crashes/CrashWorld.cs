using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Simulation.Pool;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Simulation.Crashes;

/// <summary>Whole nodes, one operation, and one death of the SPM at the n-th write it issues.</summary>
internal sealed class CrashWorld
{
    private const long Extent = 128L << 20;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly string operation;
    private readonly Guid volume;
    private readonly string request;

    public CrashWorld(string operation, ulong seed)
    {
        this.operation = operation;
        World = new PoolWorld(3, seed);
        volume = RandomIdentity.Guid(World.Choice);
        request = new RequestId(0, RandomIdentity.Guid(World.Choice), 1).ToString();
        World.RunUntil(w => w.Leader is not null, Minute, "an SPM");
        if (!operation.StartsWith("create", StringComparison.Ordinal))
        {
            var raw = operation == "extend raw";
            Demand(World.Leader!, verbs => verbs.CreateVolumeAsync(new CreateVolumeRequest($"{volume}", null, raw ? Extent : 8 * Extent, raw ? "raw" : "cow", null, false)));
        }
    }

    public PoolWorld World { get; }

    /// <summary>Writes that were issued since the operation was asked for.</summary>
    public int Writes { get; private set; }

    public bool HasDied { get; private set; }

    /// <returns>Whether the operation was acknowledged.</returns>
    public bool DieAt(int write, bool isReset)
    {
        var spm = World.Leader!;
        var issuing = spm.Path.Issuing;
        spm.Path.Issuing = io =>
        {
            issuing!(io);
            if (io.IsWrite && ++Writes == write)
            {
                // The write is in the kernel; whether it lands before the end is the disk's affair.
                World.Scheduler.After(TimeSpan.FromMicroseconds(World.Choice.Pick(300, "until it dies")), () => Die(spm, isReset));
            }
        };
        var asked = Ask(spm, ActAsync);
        World.RunUntil(_ => asked.IsCompleted || HasDied, Minute, "an answer or the end");
        if (!HasDied)
        {
            asked.GetAwaiter().GetResult();
        }

        return asked.IsCompletedSuccessfully;
    }

    /// <summary>Another SPM leads, the dead machine comes back, and nothing is open any more.</summary>
    public void Settle()
    {
        World.RunUntil(w => w.Leader is not null, World.Timing.FailoverBound + Minute, "the next SPM");
        // C8: what waits for a map entry of the dead host ends when that host is back.
        World.RunUntil(w => w.Leader is { LeadingTerm: { } term } && term.Journal.Open.IsEmpty, 2 * Minute, "every operation ended");
        if (World.Leader!.LeadingTerm!.Journal.Damage is [var first, ..] damage)
        {
            World.Fail($"{damage.Length} places of the journal are not believed, the first: {first}");
        }
    }

    public bool Happened => (operation, World.Leader!.LeadingTerm!.Volumes.Find(volume)) switch
    {
        ("remove", var left) => left is null,
        ("extend cow", var grown) => grown!.AllocatedBytes >= 4 * Extent,
        ("extend raw", var grown) => grown!.Slot!.CapacityBytes >= 4 * Extent,
        (_, var made) => made is not null,
    };

    /// <summary>Nothing is half done, and whoever asks with the same id learns which.</summary>
    public void Check(bool acknowledged)
    {
        var happened = Happened;
        if (acknowledged && !happened)
        {
            World.Fail($"C1 Acked: {operation} was acknowledged and did not happen");
        }

        foreach (var left in World.Leader!.LeadingTerm!.Volumes.View().Volumes.Where(left => !left.IsUsable))
        {
            World.Fail($"C8: {left.Name} is left half done: {string.Join("; ", left.Problems)}");
        }

        RequestId.TryParse(request, out var id);
        var kept = World.Leader!.LeadingTerm!.Journal.Find(id).Answer?.Outcome;
        if (happened != (kept == OperationOutcome.Done))
        {
            World.Fail($"R24: {operation} {(happened ? "happened" : "did not happen")}, and the journal says {kept?.ToString() ?? "nothing"} of its id");
        }

        var again = Ask(World.Leader!, ActAsync);
        World.RunUntil(_ => again.IsCompleted, Minute, "an answer to the same request");
        var told = again.Exception?.InnerException;
        var isUndone = told is Refusal { Code: RefusalCode.Conflict } && told.Message.Contains("did not happen", StringComparison.Ordinal);
        if (told is not null && (happened || !isUndone))
        {
            World.Fail($"R24: {operation} {(happened ? "happened" : "did not happen")}, and asked again its caller is told: {told.Message}");
        }

        // An id that the journal has never seen is new: it was done now, once.
        if (Happened != (happened || !isUndone))
        {
            World.Fail($"C5: after the second asking {operation} {(Happened ? "has happened" : "has not happened")}; told {told?.Message ?? "done"}");
        }
    }

    private void Die(PoolHost spm, bool isReset)
    {
        HasDied = true;
        if (isReset)
        {
            spm.Reset();
        }
        else
        {
            spm.Kill();
        }

        spm.RestartAfter(TimeSpan.FromSeconds(8));
    }

    private Task ActAsync(PoolVerbs verbs) => operation switch
    {
        "create cow" => verbs.CreateVolumeAsync(new CreateVolumeRequest($"{volume}", null, 8 * Extent, "cow", null, false, request)),
        "create raw" => verbs.CreateVolumeAsync(new CreateVolumeRequest($"{volume}", null, 2 * Extent, "raw", null, false, request)),
        "remove" => verbs.DeleteVolumeAsync($"{volume}", request),
        _ => verbs.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(4 * Extent, null, null, null, request)),
    };

    private void Demand(PoolHost spm, Func<PoolVerbs, Task> ask)
    {
        var asked = Ask(spm, ask);
        World.RunUntil(_ => asked.IsCompleted, Minute, "an answer");
        asked.GetAwaiter().GetResult();
    }

    private static Task Ask(PoolHost host, Func<PoolVerbs, Task> ask)
    {
        var answer = new TaskCompletionSource();
        host.Post(async () =>
        {
            try
            {
                await ask(host.Verbs ?? throw Refusal.NotLeader("it is not the SPM any more"));
                answer.TrySetResult();
            }
            catch (Exception failed)
            {
                answer.TrySetException(failed);
            }
        });
        return answer.Task;
    }
}
