import { ActionIcon, Anchor, Button, Group, Menu, Skeleton, Stack, Table, Text } from '@mantine/core';
import { IconCheck, IconDots, IconPlus } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import { viewer } from '../api/client';
import { useMay } from '../api/may';
import { type Permission, type RoleRowFragment, RolesDocument } from '../api/operations';
import { usePageData } from '../api/page';
import { PageTitle } from '../layout/PageTitle';
import { announce } from '../shared/announce';
import { useDialog } from '../shared/dialog';
import { tellDone } from '../shared/feedback';
import { MenuAction } from '../shared/MenuAction';
import { Note } from '../shared/Note';
import { allPermissions, permissions } from '../shared/permissions';
import { ProblemNote } from '../shared/ProblemNote';
import { useStore } from '../shared/store';
import { DeleteRoleDialog } from './DeleteRoleDialog';
import { RoleDialog } from './RoleDialog';
import classes from './roles.module.css';
import { people } from './seats';
import { newRole, undeletable, untouchable } from './values';

const nothing = {};

export default function RolesPage() {
  const { data, outdated, problem, refetch } = usePageData(RolesDocument, nothing);
  const own = useStore(viewer)?.permissions;
  const mayManage = useMay()('MANAGE_ROLES');
  const [feedback, setFeedback] = useState<{ id: string; text: string }>();
  const editing = useDialog<RoleRowFragment>();
  const deleting = useDialog<RoleRowFragment>();
  const tellOnRow = (id: string, text: string) => {
    setFeedback({ id, text });
    announce(text);
  };

  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm" className={classes.head}>
        <PageTitle>Roles</PageTitle>
        {mayManage && (
          <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => editing.open(newRole)}>
            New role
          </Button>
        )}
      </Group>
      <Text c="dimmed" size="sm">
        Everybody has exactly one role. It says what they may do here, and whether they take a CSM seat.
      </Text>
      {problem && <ProblemNote problem={problem} retry={refetch} />}
      {!(problem && !data) && (
        <div className="panel list">
          <Table className={classes.table} aria-busy={!data || outdated} aria-label="Roles">
            <Table.Thead>
              <Table.Tr>
                <Table.Th className={classes.role}>Role</Table.Th>
                {allPermissions.map((permission) => (
                  <Table.Th key={permission} className={classes.permission} title={permissions[permission].does}>
                    {permissions[permission].name}
                  </Table.Th>
                ))}
                <Table.Th className={classes.people}>People</Table.Th>
                <Table.Th className={classes.menu}>
                  <span className="unseen">Actions</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data
                ? data.roles.map((role) => (
                    <RoleRow
                      key={role.id}
                      role={role}
                      isOwn={role.id === data.viewer?.user.role.id}
                      own={own}
                      feedback={feedback?.id === role.id ? feedback.text : undefined}
                      edit={editing.open}
                      remove={deleting.open}
                    />
                  ))
                : Array.from({ length: 4 }, (_, row) => <SkeletonRow key={row} />)}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <RoleDialog dialog={editing} onDone={tellOnRow} />
      <DeleteRoleDialog
        dialog={deleting}
        roles={data?.roles ?? []}
        onDone={(sentence) => {
          tellDone(sentence);
          // The answer holds no role that would tell the list of the change.
          refetch();
        }}
      />
    </Stack>
  );
}

interface RoleRowProps {
  role: RoleRowFragment;
  /** The viewer has it. */
  isOwn: boolean;
  /** What the viewer may do. */
  own: readonly Permission[] | undefined;
  feedback: string | undefined;
  edit: (role: RoleRowFragment, from: HTMLElement | null) => void;
  remove: (role: RoleRowFragment, from: HTMLElement | null) => void;
}

function RoleRow({ role, isOwn, own, feedback, edit, remove }: RoleRowProps) {
  const target = useRef<HTMLButtonElement>(null);
  return (
    <Table.Tr>
      <Table.Th scope="row" className={classes.role}>
        <bdi className="clamp" title={role.name}>
          {role.name}
        </bdi>
        {(isOwn || role.builtIn) && (
          <Text span size="xs" c="dimmed" className={classes.kind}>
            {[isOwn && 'Your role', role.builtIn && 'Built in'].filter(Boolean).join(' · ')}
          </Text>
        )}
        {role.description && (
          <Text size="sm" c="dimmed" dir="auto">
            {role.description}
          </Text>
        )}
        <Text size="sm" className={classes.words}>
          {role.permissions.map((permission) => permissions[permission].name).join(', ') || 'May do nothing'}
        </Text>
        <div className={classes.onPhone}>
          <Holders role={role} />
        </div>
        {feedback && <Note tone="good">{feedback}</Note>}
      </Table.Th>
      {allPermissions.map((permission) => (
        <Table.Td key={permission} className={classes.permission}>
          {role.permissions.includes(permission) ? (
            <>
              <IconCheck size={18} aria-hidden />
              <span className="unseen">Yes</span>
            </>
          ) : (
            <Text span c="dimmed" inherit>
              <span aria-hidden>–</span>
              <span className="unseen">No</span>
            </Text>
          )}
        </Table.Td>
      ))}
      <Table.Td className={classes.people}>
        <Holders role={role} />
      </Table.Td>
      <Table.Td className={classes.menu}>
        <Menu position="bottom-end" width={280} withinPortal returnFocus>
          <Menu.Target>
            <ActionIcon ref={target} variant="subtle" color="gray" c="dimmed" size="lg" aria-label={`Actions for ${role.name}`}>
              <IconDots size={18} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <MenuAction name="Edit" reason={untouchable(own, role)} run={() => edit(role, target.current)} />
            <MenuAction name="Delete" danger reason={undeletable(own, role)} run={() => remove(role, target.current)} />
          </Menu.Dropdown>
        </Menu>
      </Table.Td>
    </Table.Tr>
  );
}

function Holders({ role }: { role: RoleRowFragment }) {
  if (role.userCount === 0) {
    return (
      <Text span c="dimmed" inherit>
        Nobody
      </Text>
    );
  }
  return (
    <Anchor component={Link} to={`/users?${new URLSearchParams({ role: role.id })}`} inherit>
      {people(role.userCount)}
      <span className="unseen"> with the role {role.name}</span>
    </Anchor>
  );
}

function SkeletonRow() {
  return (
    <Table.Tr>
      <Table.Td className={classes.role}>
        <Skeleton h={14} w="50%" my={5} />
        <Skeleton h={14} w="80%" my={5} />
      </Table.Td>
      {allPermissions.map((permission) => (
        <Table.Td key={permission} className={classes.permission}>
          <Skeleton h={14} w={18} mx="auto" />
        </Table.Td>
      ))}
      <Table.Td className={classes.people}>
        <Skeleton h={14} />
      </Table.Td>
      <Table.Td className={classes.menu} />
    </Table.Tr>
  );
}
