using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool;

/// <summary>R24: a request that is asked again is not done again. Its caller learns what became of it, from this SPM or the next.</summary>
/// <remarks>
/// What took effect is in the journal. What is under way here is joined. What was refused here stays refused for as long as this term
/// remembers, so that a message that arrives twice cannot take effect after its caller was told that it did not. An id that was never
/// answered is new. A request without an id is done each time; its sizes are absolute and its uuids are the caller's.
/// </remarks>
sealed class RequestDesk(OperationJournal journal)
{
    const int RememberedRefusals = 1024;

    readonly Lock gate = new();
    readonly Dictionary<RequestId, Task> underWay = [];
    readonly Dictionary<RequestId, Refusal> refused = [];
    readonly Queue<RequestId> refusedOrder = [];

    /// <param name="text">As the caller gave it; null for none.</param>
    /// <param name="again">The answer as it is now, for a request that was done before.</param>
    /// <exception cref="Refusal">What became of it, or why that cannot be told.</exception>
    public async Task<T> AskAsync<T>(string? text, OperationKind kind, Func<RequestId?, Task<T>> act, Func<Guid, Task<T>> again)
    {
        if (text is null)
        {
            return await act(null);
        }
        if (!RequestId.TryParse(text, out var id))
        {
            throw Refusal.Invalid("the request's id is not one: HOST.LIFE.NUMBER is expected, e.g. 3.0f8fad5bd9cb469fa16570867728950e.17. Leave it out, or fix the caller.");
        }
        Task<T> mine;
        lock (gate)
        {
            if (underWay.TryGetValue(id, out var other))
            {
                mine = other as Task<T> ?? throw OtherKind(id);
            }
            else if (refused.TryGetValue(id, out var before))
            {
                throw new Refusal(before.Code, before.Message);
            }
            else
            {
                underWay[id] = mine = OnceAsync(id, kind, act, again);
            }
        }
        return await mine;
    }

    async Task<T> OnceAsync<T>(RequestId id, OperationKind kind, Func<RequestId?, Task<T>> act, Func<Guid, Task<T>> again)
    {
        await Task.Yield(); // whoever asks next must find this task
        try
        {
            return journal.Find(id) switch
            {
                { Answer: { } answer } when !IsKind(answer.Kind, kind) => throw OtherKind(id),
                { Answer: { Outcome: OperationOutcome.Done } done } => await again(done.Volume),
                { Answer: not null } => throw Refusal.Conflict(
                    $"request {id} did not happen: it was under way when its SPM ended, and was taken back. Nothing of it is left; ask again with a new id."),
                { IsOpen: true } => throw Refusal.Unavailable(
                    $"request {id} was under way when its SPM ended and is being brought to an end. Ask again in a few seconds; 'spm journal show' says what it waits for."),
                { IsForgotten: true } => throw Refusal.Conflict(
                    $"request {id} is too old: whether it was done is not kept any more. Look at the volume, then ask with a new id."),
                _ => await act(id),
            };
        }
        catch (Refusal verdict) when (verdict.Code is RefusalCode.Conflict or RefusalCode.NoSpace or RefusalCode.NotFound or RefusalCode.Invalid)
        {
            Remember(id, verdict);
            throw;
        }
        finally
        {
            lock (gate)
            {
                underWay.Remove(id);
            }
        }
    }

    void Remember(RequestId id, Refusal verdict)
    {
        lock (gate)
        {
            refused[id] = verdict;
            refusedOrder.Enqueue(id);
            while (refusedOrder.Count > RememberedRefusals)
            {
                refused.Remove(refusedOrder.Dequeue());
            }
        }
    }

    static bool IsKind(OperationKind done, OperationKind asked) =>
        done == asked || (done, asked) is (OperationKind.ExtendRaw, OperationKind.Extend) or (OperationKind.RemoveWiped, OperationKind.Remove);

    static Refusal OtherKind(RequestId id) => Refusal.Invalid($"request {id} was something else before: an id is used for one request only. Ask with a new id.");
}
