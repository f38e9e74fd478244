/** An operation that somebody who explores may begin with. */
export interface Example {
  title: string;
  note: string;
  query: string;
  /** What it is run with: as it stands it does no harm. */
  variables?: (known: Known) => Record<string, unknown>;
}

/** What examples are run with: whoever looks, a role, somebody who is inactive. */
export interface Known {
  me?: { id: string; title: string | null; version: number };
  roleId?: string;
  inactiveId?: string;
}

const anybody = 'user_…';

export const examples: readonly [Example, ...Example[]] = [
  {
    title: 'Who am I',
    note: 'The person signed in, and what they may do',
    query: `# Runs with the session of the
# console. Press Ctrl-Enter.
query WhoAmI {
  viewer {
    user {
      name
      email
      role {
        name
      }
    }
    permissions
    session {
      device
      lastUsedAt
      expiresAt
    }
  }
}
`,
  },
  {
    title: 'List people',
    note: 'A page of one tab, searched and sorted',
    query: `query People(
  $search: String
  $after: String
) {
  users(
    status: ACTIVE
    search: $search
    first: 20
    after: $after
    orderBy: { field: NAME }
  ) {
    totalCount
    nodes {
      id
      name
      email
      title
      role {
        name
      }
      csmSeat
      twoFactorEnabled
      lastLoginAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
    variables: () => ({ search: '', after: null }),
  },
  {
    title: 'Look at a person',
    note: 'Their sessions, what you may do to them, and why not',
    query: `query Person($id: ID!) {
  user(id: $id) {
    name
    email
    status
    role {
      name
      permissions
    }
    sessions {
      device
      createdAt
      lastUsedAt
    }
    actions {
      action
      allowed
      reason
    }
  }
}
`,
    variables: ({ me }) => ({ id: me?.id ?? anybody }),
  },
  {
    title: 'Seats, counts and roles',
    note: 'How many CSM seats are free, and who has which role',
    query: `query Organization {
  organization {
    name
    seats {
      limit
      used
      available
    }
    userCounts {
      active
      pending
      inactive
    }
  }
  roles {
    id
    name
    permissions
    userCount
  }
}
`,
  },
  {
    title: 'Invite people',
    note: 'Look first what would happen, then do it',
    query: `query Preview(
  $emails: [String!]!
  $roleId: ID!
) {
  previewInvitations(
    emails: $emails
    roleId: $roleId
  ) {
    results {
      input
      email
      outcome
      message
    }
    seatsNeeded
    seatsAvailable
  }
}

mutation Invite(
  $emails: [String!]!
  $roleId: ID!
) {
  inviteUsers(
    input: {
      emails: $emails
      roleId: $roleId
    }
  ) {
    results {
      email
      outcome
      message
      user {
        id
        status
      }
    }
    userErrors {
      code
      message
      field
    }
  }
}
`,
    variables: ({ roleId = 'role_…' }) => ({ emails: ['Ann Lee <ann@example.com>, bob@example.com'], roleId }),
  },
  {
    title: 'Change a person',
    note: 'Only the fields that are sent, and only what you have seen',
    query: `mutation Change(
  $id: ID!
  $input: UpdateUserInput!
) {
  updateUser(
    id: $id
    input: $input
  ) {
    user {
      name
      title
      role {
        name
      }
      version
    }
    userErrors {
      code
      message
      field
    }
  }
}
`,
    variables: ({ me }) => ({
      id: me?.id ?? anybody,
      input: { title: me?.title ?? 'Head of Support', expectedVersion: me?.version ?? 1 },
    }),
  },
  {
    title: 'Delete and reactivate',
    note: 'Take access away, and give it back',
    query: `mutation Delete($id: ID!) {
  deleteUser(id: $id) {
    user {
      status
      csmSeat
    }
    userErrors {
      code
      message
    }
  }
}

mutation Reactivate($id: ID!) {
  reactivateUser(id: $id) {
    user {
      status
      csmSeat
    }
    userErrors {
      code
      message
    }
  }
}
`,
    variables: ({ inactiveId }) => ({ id: inactiveId ?? anybody }),
  },
  {
    title: 'Reset a password',
    note: 'Sends a link; the current password keeps working until it is used',
    query: `mutation Reset($id: ID!) {
  resetPassword(id: $id) {
    user {
      passwordReset {
        requestedAt
        expiresAt
        delivery {
          state
          reason
        }
      }
    }
    userErrors {
      code
      message
    }
  }
}

mutation CancelReset($id: ID!) {
  cancelPasswordReset(id: $id) {
    user {
      passwordReset {
        requestedAt
      }
    }
    userErrors {
      code
      message
    }
  }
}
`,
    variables: ({ me }) => ({ id: me?.id ?? anybody }),
  },
  {
    title: 'What has happened',
    note: 'The newest of the audit log',
    query: `query Audit {
  auditEvents(first: 20) {
    totalCount
    nodes {
      at
      action
      actor {
        email
      }
      targetId
      ipAddress
      before {
        field
        value
      }
      after {
        field
        value
      }
    }
  }
}
`,
  },
  {
    title: 'Listen to changes',
    note: 'What others change, as it happens',
    query: `subscription Changes {
  userChanged {
    kind
    user {
      name
      email
      status
    }
    organization {
      seats {
        available
      }
      userCounts {
        active
        pending
        inactive
      }
    }
  }
}
`,
  },
];
