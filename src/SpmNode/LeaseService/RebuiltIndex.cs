namespace OvirtSpm.Node.LeaseService;

/// <summary>The index of named leases, made anew.</summary>
/// <param name="Names">The leases that are found by name now.</param>
/// <param name="Unnamed">One for each lease that is there and cannot be: the rest does not wait for it.</param>
sealed record RebuiltIndex(IReadOnlyList<string> Names, IReadOnlyList<Refusal> Unnamed);
