using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Tasks;

/// <summary>The long work of this node: what runs, and what the last of it came to.</summary>
/// <remarks>In memory. What took effect is in the journal under the same id, for the next SPM to tell (R24).</remarks>
sealed class TaskBoard(int kept = TaskBoard.Kept)
{
    const int Kept = 256;

    readonly Lock gate = new();
    readonly Dictionary<string, Entry> entries = [];
    readonly Queue<Entry> ended = [];

    /// <summary>Begins it, or joins the one of the same id that runs.</summary>
    /// <param name="act">Ends by itself soon after its token is cancelled, with nothing half-made left.</param>
    /// <param name="why">Why it cannot be cancelled; null when it can.</param>
    public TaskReply Begin(string id, string kind, string volume, string? why, Func<IProgress<double>, CancellationToken, Task<VolumeReply>> act) =>
        Begin(id, kind, volume, why, async (progress, stop) =>
        {
            var result = await act(progress, stop);
            return status => status.Done(result);
        });

    /// <summary>A deletion: it cannot be cancelled, and there is no volume afterwards.</summary>
    public TaskReply Begin(string id, string kind, string volume, string why, Func<IProgress<double>, Task<DeleteVolumeReply>> act) =>
        Begin(id, kind, volume, why, async (progress, _) =>
        {
            var deleted = await act(progress);
            return status => status.Done(deleted);
        });

    TaskReply Begin(string id, string kind, string volume, string? why, Func<IProgress<double>, CancellationToken, Task<Func<TaskStatus, TaskStatus>>> act)
    {
        Entry entry;
        lock (gate)
        {
            if (entries.TryGetValue(id, out var other) && !other.Status.HasEnded)
            {
                return other.Status.Reply();
            }
            entries[id] = entry = new Entry(this, new TaskStatus(id, kind, volume, why));
        }
        _ = RunAsync(entry, act);
        return Read(entry).Reply();
    }

    public IReadOnlyList<TaskReply> List()
    {
        lock (gate)
        {
            return [.. entries.Values.Select(entry => entry.Status.Reply())];
        }
    }

    public TaskReply? Find(string id)
    {
        lock (gate)
        {
            return entries.GetValueOrDefault(id)?.Status.Reply();
        }
    }

    /// <summary>Completes when it has ended; at once when there is none.</summary>
    public Task EndOf(string id)
    {
        lock (gate)
        {
            return entries.GetValueOrDefault(id)?.Ended.Task ?? Task.CompletedTask;
        }
    }

    /// <returns>Null when there is none of that id.</returns>
    /// <exception cref="Refusal">It is of a kind that is brought to its end.</exception>
    public TaskReply? Cancel(string id)
    {
        Entry? entry;
        lock (gate)
        {
            if (!entries.TryGetValue(id, out entry))
            {
                return null;
            }
            entry.Status = entry.Status.Cancelling();
        }
        // Outside: whoever is told may go on at once, in this very call.
        entry.Stop.Cancel();
        return Read(entry).Reply();
    }

    async Task RunAsync(Entry entry, Func<IProgress<double>, CancellationToken, Task<Func<TaskStatus, TaskStatus>>> act)
    {
        Func<TaskStatus, TaskStatus> end;
        try
        {
            end = await act(entry, entry.Stop.Token);
        }
        catch (Refusal refusal)
        {
            end = status => status.Failed(refusal);
        }
        catch (OperationCanceledException)
        {
            end = status => status.Stopped();
        }
        catch (IOException failed)
        {
            end = status => status.Failed(Refusal.Unavailable(failed.Message));
        }
        catch (Exception broken)
        {
            // Told, not thrown: nobody waits for this call, and the work has ended all the same.
            end = status => status.Failed(Refusal.Damaged($"a defect in this program stopped it: {broken.GetType().Name}: {broken.Message}"));
        }
        lock (gate)
        {
            entry.Status = end(entry.Status);
            ended.Enqueue(entry);
            while (ended.Count > kept)
            {
                var oldest = ended.Dequeue();
                if (entries.GetValueOrDefault(oldest.Status.Id) == oldest)
                {
                    entries.Remove(oldest.Status.Id);
                }
            }
        }
        entry.Ended.SetResult();
    }

    TaskStatus Read(Entry entry)
    {
        lock (gate)
        {
            return entry.Status;
        }
    }

    sealed class Entry(TaskBoard board, TaskStatus status) : IProgress<double>
    {
        public TaskStatus Status { get; set; } = status;

        /// <summary>Never disposed: it has no timer, and may be cancelled after the work has ended.</summary>
        public CancellationTokenSource Stop { get; } = new();

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Report(double value)
        {
            lock (board.gate)
            {
                Status = Status.At(value);
            }
        }
    }
}
